// A manual page of what a program says with --help, so that the two cannot differ.

/** The page, in the language of man(7). */
export function manPage({ program, section, purpose, helps, version, date, packageName }) {
  const lines = [
    `.TH ${program.toUpperCase()} ${section} ${date} "punnet ${version}" Punnet`,
    '.SH NAME',
    `${roff(program)} \\- ${roff(purpose)}`,
    '.SH DESCRIPTION',
    ...helps.flatMap((help) => ['.nf', ...help.trim().split('\n').map(roff), '.fi', '.PP']),
    '.SH SEE ALSO',
    `README.Debian in /usr/share/doc/${roff(packageName)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** A line as it is: no escapes, no requests. */
function roff(line) {
  return line.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/, '\\&$&');
}
