// cache-program - leaves beside the bundled program what V8 makes of its source (src/cli/start.cts reads it).
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type start from '../src/cli/start.cjs'

const programDir = join(import.meta.dirname, '..', 'bin', 'program')
const { compile } = createRequire(import.meta.url)(join(programDir, 'main.cjs')) as typeof start

// Every function, not only those that are called at once. A cache fits the flags it is read under, which are the usual ones.
setFlagsFromString('--no-lazy')
const program = compile()
setFlagsFromString('--lazy')
writeFileSync(join(programDir, 'program.cache'), program.createCachedData())
