// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the workflow's own

/** The workflow of examples/github-actions/release.yml: a test compares them. */
export const WORKFLOW: readonly string[] = [
  '# Builds and publishes an app for one platform when a tag is pushed. Copy it to .github/workflows/release.yml.',
  '# Needs the repository variable SYNCKIT_OTA_APP, the secrets TAURI_SIGNING_PRIVATE_KEY and',
  '# TAURI_SIGNING_PRIVATE_KEY_PASSWORD, and a server that trusts this workflow:',
  '# synckit-ota apps trust my-app --github octo/my-app --workflow release.yml',
  'name: Release',
  '',
  'on:',
  '  push:',
  '    tags: ["v*"]',
  '',
  'permissions:',
  '  contents: read',
  '  id-token: write # the job proves to the server who it is, instead of with a stored token',
  '',
  'jobs:',
  '  publish:',
  '    runs-on: ubuntu-22.04',
  '    steps:',
  '      - uses: actions/checkout@v4',
  '      - uses: actions/setup-node@v4',
  '        with:',
  '          node-version: 22',
  '      - uses: dtolnay/rust-toolchain@stable',
  '      - run: |',
  '          sudo apt-get update',
  '          sudo apt-get install -y libwebkit2gtk-4.1-dev libappindicator3-dev librsvg2-dev patchelf',
  '      - run: npm ci',
  '      - run: npx tauri build',
  '        env:',
  '          TAURI_SIGNING_PRIVATE_KEY: ${{ secrets.TAURI_SIGNING_PRIVATE_KEY }}',
  '          TAURI_SIGNING_PRIVATE_KEY_PASSWORD: ${{ secrets.TAURI_SIGNING_PRIVATE_KEY_PASSWORD }}',
  '      - run: npx --yes --ignore-scripts synckit-ota@0.1.0 publish',
  '        env:',
  '          SYNCKIT_OTA_SERVER: https://updates.example.com',
  '          SYNCKIT_OTA_APP: ${{ vars.SYNCKIT_OTA_APP }}',
  '',
];

/** The server and the slug in it, to be replaced. */
export const WORKFLOW_SERVER = 'https://updates.example.com';
export const WORKFLOW_SLUG = 'my-app';
/** What is only true of the example. */
export const COPY_IT = ' Copy it to .github/workflows/release.yml.';
