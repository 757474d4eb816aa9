#!/usr/bin/env node
// `punnet` of a clone.

require('./from-code-cache.cjs').start(require.resolve('../punnet.cjs'));
