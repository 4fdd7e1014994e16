import { describeOnEachStore } from '../support/server/stores.ts';
import { runScenarios } from './run-scenarios.ts';
import { LACKS, openOnStore } from './store-target.ts';

describeOnEachStore(
  'the server',
  (combination) => runScenarios(() => openOnStore(combination), { lacks: LACKS[combination.files] }),
  ['SQLite'],
);
