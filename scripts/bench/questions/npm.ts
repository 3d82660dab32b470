// npm - `npm ci` of packages that stand as tarballs in the same tree: no network, only unpacking.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, hasProgram, Unavailable } from '../command.js'
import { makeTree } from '../materials.js'
import type { Question } from '../question.js'

const kFileBytes = 1500
const kDirsPerPackage = 6
const kQuiet = ['--offline', '--no-audit', '--no-fund', '--no-update-notifier', '--ignore-scripts', '--loglevel=error']

export const npm: Question = {
  id: 'npm',
  group: 'life',
  title: 'npm ci',
  weight: 8,
  rows: ({ npmPackages, npmFiles }) => [{ id: 'ci', label: `npm ci of ${npmPackages} packages of ${npmFiles} files`, unit: 'time' }],
  prepare({ sizes, materials }) {
    if (!hasProgram('npm')) throw new Unavailable('npm is not installed')
    const lower = materials.make('npm', 'question', (dir) => makeProject(dir, sizes.npmPackages, sizes.npmFiles))
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      const cache = join(run.scratch, 'npm-cache')
      run.step('ci', () => run.command(['npm', 'ci', ...kQuiet, '--cache', cache], { cwd: join(path, 'project') }))
    }
  },
}

function makeProject(dir: string, packages: number, files: number): void {
  const project = join(dir, 'project')
  const tarballs = join(project, 'tarballs')
  mkdirSync(tarballs, { recursive: true })
  const names = Array.from({ length: packages }, (_, i) => `package-${i}`)
  for (const name of names) {
    const unpacked = join(dir, 'package')
    makeTree(unpacked, { dirs: kDirsPerPackage, files, bytes: kFileBytes })
    writeFileSync(join(unpacked, 'package.json'), JSON.stringify({ name, version: '1.0.0', license: 'MIT' }))
    execute('tar', ['-C', dir, '-czf', join(tarballs, `${name}.tgz`), 'package'])
    rmSync(unpacked, { recursive: true })
  }
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:tarballs/${name}.tgz`]))
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0', private: true, dependencies }))
  const cache = join(dir, 'cache')
  execute('npm', ['install', '--package-lock-only', ...kQuiet, '--cache', cache], { cwd: project })
  rmSync(cache, { recursive: true, force: true })
}
