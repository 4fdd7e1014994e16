import { accessScenarios } from './access-scenarios.ts';
import { artifactScenarios } from './artifact-scenarios.ts';
import { checkScenarios } from './check-scenarios.ts';
import { deletionScenarios } from './deletion-scenarios.ts';
import { downloadScenarios } from './download-scenarios.ts';
import { draftScenarios } from './draft-scenarios.ts';
import { keyScenarios } from './key-scenarios.ts';
import { multipartScenarios } from './multipart-scenarios.ts';
import { platformScenarios } from './platform-scenarios.ts';
import { refusalScenarios } from './refusal-scenarios.ts';
import { releaseScenarios } from './release-scenarios.ts';
import { remoteScenarios } from './remote-scenarios.ts';
import { replacementScenarios } from './replacement-scenarios.ts';
import type { Scenario } from './scenario.ts';
import { slugScenarios } from './slug-scenarios.ts';
import { uploadScenarios } from './upload-scenarios.ts';
import { yankScenarios } from './yank-scenarios.ts';

/** api.md as one table. */
export const scenarios: readonly Scenario[] = [
  ...slugScenarios,
  ...releaseScenarios,
  ...artifactScenarios,
  ...uploadScenarios,
  ...checkScenarios,
  ...downloadScenarios,
  ...deletionScenarios,
  ...draftScenarios,
  ...replacementScenarios,
  ...yankScenarios,
  ...keyScenarios,
  ...platformScenarios,
  ...remoteScenarios,
  ...multipartScenarios,
  ...accessScenarios,
  ...refusalScenarios,
];
