/** How the console is built: hashed files below /assets/, compressed beside themselves, nothing inlined that a strict policy forbids. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Whoever serves the files has nothing to compress. */
function compressed(): Plugin {
  let folder = '';
  return {
    name: 'compressed',
    apply: 'build',
    configResolved: (config) => {
      folder = config.build.outDir;
    },
    closeBundle: () => {
      const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      for (const name of names.filter((name) => /\.(html|js|css|svg)$/.test(name))) {
        const file = join(folder, name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
      }
    },
  };
}

const server = process.env['VOICEBRIDGE'] ?? 'http://localhost:8787';
const proxied = ['/api', '/calls', '/status', '/tools', '/public-url', '/hold-music', '/health'];

export default defineConfig({
  plugins: [react(), compressed()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // The examples that agents begin with.
    fs: { allow: ['..'] },
    proxy: {
      ...Object.fromEntries(proxied.map((path) => [path, server])),
      '/logs': { target: server, ws: true },
    },
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
});
