// start - what node is given to run: the bundled program beside it, with what V8 made of its source when it was built.
//
// Without that V8 compiles the program anew at each start, for as long as node itself takes to start. V8 refuses a cache
// that another version of it made or that does not fit the source; then the start is only slower.
import fs = require('node:fs')
import path = require('node:path')
import vm = require('node:vm')

const programFile = path.join(__dirname, 'program.cjs')
const cacheFile = path.join(__dirname, 'program.cache')

/** The program as a function of what node hands to a CommonJS module. */
function compile(cachedData?: Buffer): vm.Script {
  const source = fs.readFileSync(programFile, 'utf8')
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${source}\n})`
  return new vm.Script(wrapped, { filename: programFile, ...(cachedData && { cachedData }) })
}

/** Takes any absence for one: a program that was built without a cache runs as well. */
function readCache(): Buffer | undefined {
  try {
    return fs.readFileSync(cacheFile)
  } catch {
    return undefined
  }
}

function run(): void {
  const program = compile(readCache()).runInThisContext() as (...given: unknown[]) => void
  program(exports, require, module, programFile, __dirname)
}

if (require.main === module) run()

const start = { compile }
export = start
