#!/usr/bin/env node
require('./from-code-cache.cjs').start(require.resolve('../punnet.cjs'));
