import type { PublishWorld, Way } from '../publish/publish-world.ts';

/** The error of a killed job: no code handles it. */
class Killed extends Error {}

export interface DyingWay extends Way {
  readonly died: () => boolean;
}

/**
 * The connection of a job that is killed at its nth request: before the server sees it, or once it was applied.
 * The job sends nothing after that.
 */
export function dyingWay(world: PublishWorld, nth: number, at: 'before' | 'after'): DyingWay {
  const way = world.connect();
  let dead = false;
  const die = (): never => {
    dead = true;
    throw new Killed(`killed at request ${nth}`);
  };
  const { transport } = way;
  transport.before = () => {
    if (dead || (at === 'before' && transport.requests.length === nth)) die();
  };
  transport.after = (request) => {
    if (dead || transport.requests[nth - 1] === request) die();
  };
  return { ...way, died: () => dead };
}
