// Every policy that comes with the scheduler keeps the contract, at its own parameter.

import { policyMakers } from '../../scheduler/core/index.ts';
import { policyContract } from './policy.contract.ts';

for (const { parameter, make } of policyMakers.values())
  policyContract(make(parameter?.value ?? 0));
