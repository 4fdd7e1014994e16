import { cruise } from 'dependency-cruiser';
import { RULES } from './dependency-rules.ts';

/** An import that a rule forbids. */
export interface Violation {
  readonly rule: string;
  readonly from: string;
  /** The imported file, or the package as it was written. */
  readonly to: string;
}

/**
 * The imports in `src` and `bin` that `RULES` forbid, of types too.
 * @param root the repository, or a tree that is laid out like it
 */
export async function findViolations(root: string): Promise<Violation[]> {
  const { output } = await cruise(['src', 'bin'], {
    baseDir: root,
    parser: 'swc', // TypeScript 7 has no API for dependency-cruiser to use
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
    validate: true,
    ruleSet: RULES,
  });
  if (typeof output === 'string') throw new Error(output);
  return output.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }));
}
