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
  enableCompileCache(await compileCacheFolder()); // NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE win
  const { main } = await import('../dist/main.js');
  process.exitCode = await main(process.argv);
}

/** The user's own, as code is run from it: in Node's default, the temporary folder, another user could have put some. */
async function compileCacheFolder() {
  const { homedir } = await import('node:os');
  const { join } = await import('node:path');
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  const folders = { win32: LOCALAPPDATA, darwin: join(homedir(), 'Library', 'Caches') };
  const folder = XDG_CACHE_HOME || folders[process.platform] || join(homedir(), '.cache');
  return join(folder, 'synckit-ota', 'compile-cache');
}
