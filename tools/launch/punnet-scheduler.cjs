#!/usr/bin/env node
// `punnet-scheduler` of a clone.

require('./from-code-cache.cjs').start(require.resolve('../scheduler/bin/punnet-scheduler.cjs'));
