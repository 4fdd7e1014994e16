#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  const message = `synckit-ota needs Node 20.19 or later; this is ${process.versions.node}`;
  const hint = 'Install a newer Node.';
  console.error(`error: ${message}. ${hint}`);
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ error: { code: 'usage', message, hint, retryable: false } }));
  }
  process.exitCode = 2;
} else {
  const { main } = await import('../dist/main.js');
  process.exitCode = await main(process.argv);
}
