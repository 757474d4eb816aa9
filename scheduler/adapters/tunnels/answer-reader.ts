// Cuts what an OpenVPN server says on its management socket into answers and notices.
// https://openvpn.net/community-docs/management-interface.html

/** Status lines have at most 512 bytes; help and state lines fewer. */
export const lineMaxBytes = 8 * 1024;
/** A status of some 60,000 clients. */
export const answerMaxBytes = 16 * 1024 * 1024;

export interface Heard {
  /** All lines of an answer, its END among them. */
  readonly answer: (text: string) => void;
  /** Something that nobody asked for: a line that begins with ">". */
  readonly notice: (text: string) => void;
}

const [lineEnd, noticeMark] = [0x0a, 0x3e];
const passwordPrompt = 'ENTER PASSWORD:';

export class AnswerReader {
  readonly #heard: Heard;
  /** The line that is not whole yet. */
  #rest: Buffer = Buffer.alloc(0);
  /** Whole lines of the answer that is not whole yet. */
  #parts: Buffer[] = [];
  #answerBytes = 0;

  constructor(heard: Heard) {
    this.#heard = heard;
  }

  /** Throws an Error when a line or an answer is longer than any that OpenVPN sends. */
  take(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    // Where those lines begin that belong to the answer and are not in its parts.
    let from = 0;
    for (let end = all.indexOf(lineEnd); end >= 0; end = all.indexOf(lineEnd, at)) {
      const next = end + 1;
      if (all[at] === noticeMark) {
        this.#keep(all.subarray(from, at));
        this.#heard.notice(textOf(all, at, end));
        from = next;
      } else if (this.#isLast(all, at, end)) {
        this.#keep(all.subarray(from, next));
        this.#finish();
        from = next;
      }
      at = next;
    }
    this.#keep(all.subarray(from, at));
    // A copy: a few bytes must not hold on to a large chunk.
    this.#rest = Buffer.from(all.subarray(at));
    this.#checkRest();
  }

  #keep(lines: Buffer): void {
    if (lines.length === 0) return;
    this.#parts.push(lines);
    this.#answerBytes += lines.length;
    if (this.#answerBytes > answerMaxBytes) throw tooLong('an answer', answerMaxBytes);
  }

  /** SUCCESS and ERROR are answers of one line; all others end with END. */
  #isLast(all: Buffer, at: number, end: number): boolean {
    const length = end - at;
    if (length < 3 || length > lineMaxBytes) return false;
    const first = all[at];
    if (first !== 0x45 && first !== 0x53) return false;
    const text = textOf(all, at, end);
    return text === 'END' || /^(?:SUCCESS|ERROR):/.test(text);
  }

  #finish(): void {
    const text = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#answerBytes = 0;
    this.#heard.answer(text);
  }

  #checkRest(): void {
    if (this.#rest.length > lineMaxBytes) throw tooLong('a line', lineMaxBytes);
    if (this.#rest.toString('latin1').startsWith(passwordPrompt)) {
      throw new Error('it asks for a password: configure its management socket without one');
    }
  }
}

function textOf(all: Buffer, at: number, end: number): string {
  return all.toString('utf8', at, end).trimEnd();
}

function tooLong(what: string, mostBytes: number): Error {
  return new Error(`wanted ${what} of at most ${mostBytes} bytes, found more: it is no OpenVPN`);
}
