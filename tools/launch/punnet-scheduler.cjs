#!/usr/bin/env node
require('./from-code-cache.cjs').start(require.resolve('../scheduler/bin/punnet-scheduler.cjs'));
