import { startServer } from './publisher.ts';
import { testReleaseModel } from './release-model.contract.ts';

testReleaseModel('on SQLite', () => startServer(), 40);
