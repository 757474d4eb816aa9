// Proxies are found wherever Debian has them, and told by name alone.

import { expect, test } from 'vitest';
import { proxiesIn } from '../../../agent/install/proxies.ts';

test.each<[string, readonly string[]]>([
  ['https_proxy=http://me:secret@proxy:3128', ['https_proxy (here)']],
  ['PATH=/bin\nexport HTTPS_PROXY="http://proxy:3128"\n', ['HTTPS_PROXY (here)']],
  ['  export http_proxy=http://a all_proxy=b', ['http_proxy (here)']],
  ['"all_proxy=socks5://proxy"', ['all_proxy (here)']],
  ['no_proxy=localhost\nmy_https_proxy=x', []],
  ['https_proxy=\nhttps_proxy=""', []],
  ['# https_proxy=http://proxy', []],
])('%s', (text, found) => {
  expect(proxiesIn([['here', text]], [])).toEqual(found);
});

test.each<[string, readonly string[]]>([
  ['Acquire::http::Proxy "http://me:secret@proxy:3142";', ["apt's http proxy (here)"]],
  ['acquire::https::proxy "http://proxy:3142";', ["apt's https proxy (here)"]],
  ['Acquire {\n  http {\n    Proxy "http://proxy";\n  };\n};', ["apt's http proxy (here)"]],
  ['Acquire { https::Proxy "http://proxy"; };', ["apt's https proxy (here)"]],
  ['Acquire::http::Proxy "DIRECT";\n# Acquire::http::Proxy "http://proxy";', []],
  ['// Acquire::http::Proxy "http://proxy:3142";\nAPT::x "a"; // Proxy "http://proxy";', []],
  ['Acquire::http::Proxy /* home */ "http://proxy"; // Proxy', ["apt's http proxy (here)"]],
  ['/* Acquire {\n  http::Proxy "http://proxy"; } */', []],
  ['x "http://a"; Acquire::http::Proxy "http://proxy";', ["apt's http proxy (here)"]],
  ['Acquire::http::Proxy::example.org "DIRECT";', []],
])("of apt's: %s", (text, found) => {
  expect(proxiesIn([], [['here', text]])).toEqual(found);
});
