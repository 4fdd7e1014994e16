#!/usr/bin/env node
// Nothing is loaded before the version is known: an older Node cannot load the rest (better-sqlite3 crashes Node 20).
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  const message = `synckit-ota needs Node 22.19 or later; this is ${process.versions.node}`;
  const hint = 'Install a newer Node.';
  console.error(`error: ${message}. ${hint}`);
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ error: { code: 'usage', message, hint, retryable: false } }));
  }
  process.exitCode = 2;
} else {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache(); // in the system's temporary folder, or in NODE_COMPILE_CACHE
  const { main } = await import('../dist/main.js');
  process.exitCode = await main(process.argv);
}
