// run - the conformance or issue cases of one subject from the command line.
//
//   node dist/test/run.js conformance overlay            every case
//   node dist/test/run.js conformance plain 'rename'     those whose "family: name" matches
import { runSuite } from './helpers/runner.js'
import { KINDS, type Kind } from './helpers/subject.js'
import { SUITES } from './helpers/suites.js'

const [suite = '', kind = '', filter = ''] = process.argv.slice(2)
if (!(SUITES as readonly string[]).includes(suite) || !(KINDS as readonly string[]).includes(kind)) {
  console.error(`usage: run.js ${SUITES.join('|')} ${KINDS.join('|')} [regular expression]`)
  process.exit(2)
}
const started = performance.now()
const results = await runSuite(suite, kind as Kind, filter, ({ family, name, ms, error, skip }) => {
  const mark = error !== undefined ? 'FAIL' : skip !== undefined ? 'skip' : 'ok  '
  console.log(`${mark} ${family}: ${name}${skip !== undefined ? ` (${skip})` : ` ${ms} ms`}`)
  if (error !== undefined) console.log(error.replace(/^/gm, '       '))
})
const failed = results.filter((result) => result.error !== undefined)
const skipped = results.filter((result) => result.skip !== undefined)
console.log(`${results.length - failed.length - skipped.length} passed, ${failed.length} failed, ${skipped.length} skipped, ${((performance.now() - started) / 1000).toFixed(1)} s`)
for (const { family, name } of failed) console.log(`FAIL ${family}: ${name}`)
process.exit(failed.length > 0 ? 1 : 0)
