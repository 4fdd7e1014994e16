/** Extension `explain`: what decides whether an app is offered a release, by its stable name. */
export const RELEASE_RULES = {
  offered: 'It is the highest release that the app can take, so it is offered.',
  downgrade: 'It is lower, and the app takes lower versions from one that was rolled back.',
  not_newer: 'It is not higher than the version that the app has.',
  draft: 'It is a draft.',
  yanked: 'It is yanked.',
  rolled_back: 'It was rolled back.',
  deleted: 'It was live, and then deleted.',
  channel: 'It is in a channel that the app does not ask for.',
  platform: 'It has no file for the platform.',
  bundle_type: 'Its files for the platform are for other bundle types.',
  file_missing: 'A file of it that the app would get is missing on the server.',
  key: 'It is signed with another key than builds of this version carry.',
  requires: 'It requires a higher version than the app has.',
  paused: 'It is paused.',
  scheduled: 'Its rollout has not started yet.',
  cohort: 'Its rollout has not reached the cohort of the app.',
  no_cohort: 'It is being rolled out, and the cohort of the app is not known.',
  dead_end: 'An app that took it could not get on to a release that it can get to otherwise.',
} as const;
export type ReleaseRule = keyof typeof RELEASE_RULES;

/** What is to be known besides about an answer, by its stable name. */
export const NOTE_RULES = {
  mandatory: 'The update is mandatory.',
  minimum_system: 'The app compares the version of its system with the one that the release needs.',
  cohort_of_address: 'The app does not say its cohort, so it has that of its address today.',
  rolled_back_version: 'The version that the app has was rolled back, and it does not take lower ones.',
  other_key: 'The key that was asked about is not the one that builds of this version count as carrying.',
  more_steps: 'The update is a step on the way to a higher release.',
} as const;
export type NoteRule = keyof typeof NOTE_RULES;
