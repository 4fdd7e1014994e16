import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

/** A setup file of the unit tier: a test that needs another process is a contract test. */
const refuse = (): never => {
  throw new Error('a unit test starts no process: put it into test/contract');
};

const STARTERS = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const;
Object.assign(childProcess, Object.fromEntries(STARTERS.map((name) => [name, refuse])));
syncBuiltinESMExports();
