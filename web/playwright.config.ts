/** The console in a real browser, against a real bridge. Debian's Chromium, because nothing else is to be downloaded. */
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'e2e',
  // Each file has its own bridge, and a bridge wants most of a small machine.
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  outputDir: 'test-results',
  projects: [
    { name: 'tests', testMatch: '*.spec.ts' },
    { name: 'screens', testMatch: '*.screens.ts' },
  ],
  use: {
    browserName: 'chromium',
    viewport: { width: 1360, height: 860 },
    permissions: ['clipboard-write'],
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
      ],
    },
  },
});
