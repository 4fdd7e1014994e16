import { userInfo } from 'node:os';
import { type Actor, operator } from '../database/attribution.ts';
import type { Environment } from './environment.ts';

/** The user who runs this command; by `sudo`, both. */
export function thisOperator({ SUDO_USER }: Environment): Actor {
  const user = userName();
  return operator(SUDO_USER && SUDO_USER !== user ? `${user} (sudo by ${SUDO_USER.slice(0, 64)})` : user);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // in a container a user may have no name
  }
}
