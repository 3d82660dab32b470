// suite - turns the results of a suite on one subject into tap assertions, one subtest per family.
import t from 'tap'
import { runSuite, type Result } from '../helpers/runner.js'
import type { Kind } from '../helpers/subject.js'

const WHOLE_SUITE_MS = 900_000

export async function suiteTest(suite: string, kind: Kind): Promise<void> {
  t.setTimeout(WHOLE_SUITE_MS)
  const families = new Map<string, Result[]>()
  const results = await runSuite(suite, kind, process.env['UNIONFS_TEST_CASES'] ?? '', () => undefined)
  for (const result of results) families.set(result.family, [...(families.get(result.family) ?? []), result])
  for (const [family, members] of families) {
    await t.test(family, (st) => {
      for (const { name, error, skip } of members) {
        if (skip !== undefined) st.pass(name, { skip })
        else if (error === undefined) st.pass(name)
        else st.fail(name, { found: error })
      }
      st.end()
    })
  }
}
