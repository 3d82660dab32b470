// start-up - python and node starting a program of many modules that stand in a lower, behind a search path of misses.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, hasProgram } from '../command.js'
import type { Question } from '../question.js'

const kEmptySearchDirs = 4
const kRounds = ['first', 'second'] as const
const kPython = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

export const startUp: Question = {
  id: 'start-up',
  group: 'life',
  title: 'python and node start-up',
  weight: 6,
  rows: ({ modules }) =>
    ['python', 'node'].flatMap((program) =>
      kRounds.map((round) => ({ id: `${program}-${round}`, label: `${program} imports ${modules} modules, ${round} start`, unit: 'time' as const })),
    ),
  prepare({ sizes, materials }) {
    const lower = materials.make('start-up', 'question', (dir) => {
      makePython(join(dir, 'python'), sizes.modules)
      makeNode(join(dir, 'node'), sizes.modules)
    })
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: false })
      for (const round of kRounds) {
        // -S and -E: no site packages and no settings of this machine; -B: nothing is written.
        run.step(`python-${round}`, () => run.command([kPython, '-S', '-E', '-B', join(path, 'python', 'main.py')]))
        run.step(`node-${round}`, () => run.command([process.execPath, join(path, 'node', 'main.js')]))
      }
    }
  },
}

function makePython(dir: string, modules: number): void {
  const library = join(dir, 'library')
  mkdirSync(library, { recursive: true })
  const empty = Array.from({ length: kEmptySearchDirs }, (_, i) => `search${i}`)
  for (const name of empty) mkdirSync(join(dir, name))
  for (let m = 0; m < modules; ++m) {
    mkdirSync(join(library, `module${m}`))
    writeFileSync(join(library, `module${m}`, '__init__.py'), `from .part import value\n`)
    writeFileSync(join(library, `module${m}`, 'part.py'), `def compute(n):\n    return n * ${m}\nvalue = compute(2)\n`)
  }
  if (hasProgram(kPython)) execute(kPython, ['-m', 'compileall', '-q', library])
  const path = [...empty, 'library'].map((name) => `'${name}'`).join(', ')
  const imports = Array.from({ length: modules }, (_, m) => `import module${m}`).join('\n')
  writeFileSync(join(dir, 'main.py'), `import sys\nhere = sys.path[0]\nsys.path[:0] = [here + '/' + name for name in (${path},)]\n${imports}\n`)
}

function makeNode(dir: string, modules: number): void {
  for (let m = 0; m < modules; ++m) {
    const module = join(dir, 'node_modules', `module${m}`)
    mkdirSync(join(module, 'lib'), { recursive: true })
    writeFileSync(join(module, 'package.json'), JSON.stringify({ name: `module${m}`, version: '1.0.0', main: 'lib' }))
    writeFileSync(join(module, 'lib', 'index.js'), `module.exports = require('./part').compute(2)\n`)
    writeFileSync(join(module, 'lib', 'part.js'), `exports.compute = (n) => n * ${m}\n`)
  }
  writeFileSync(join(dir, 'main.js'), Array.from({ length: modules }, (_, m) => `require('module${m}')\n`).join(''))
}
