import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type ConfigLayer, parseConfigLayer, readConfigLayer } from '../../tauri/project/config-value.ts';
import type { ConfigFile } from '../config/config-file.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from '../options/option-errors.ts';

export interface OverrideSources {
  readonly options: {
    readonly config?: readonly string[] | undefined;
    readonly project?: string | undefined;
  };
  readonly config: Pick<ConfigFile, 'config'>;
  readonly environment: Environment;
}

/**
 * What `tauri build` merged into the project's configuration: the values of `--config`, else those of the config file,
 * else `TAURI_CONFIG`, which Tauri replaces by its `--config` where both are given.
 */
export function readOverrides(
  { options, config, environment }: OverrideSources,
  errors: OptionErrors,
): ConfigLayer[] {
  const given = options.config ?? config.config;
  if (given !== undefined) {
    const source = options.config === undefined ? 'config in the config file' : '--config';
    return given.flatMap((text) => {
      const value = options.config === undefined ? text : pathFrom(text, options.project);
      return errors.attempt(() => readConfigLayer(value, source)) ?? [];
    });
  }
  const variable = environment.TAURI_CONFIG?.trim();
  if (!variable) return [];
  return [errors.attempt(() => parseConfigLayer(variable, 'TAURI_CONFIG'))].filter(
    (layer) => layer !== undefined,
  );
}

/** As it was given to `tauri build`, which may have run in the project's folder. */
function pathFrom(text: string, project = '.'): string {
  if (text.trimStart().startsWith('{') || isAbsolute(text) || existsSync(text)) return text;
  const inside = join(project, text);
  return existsSync(inside) ? inside : text;
}
