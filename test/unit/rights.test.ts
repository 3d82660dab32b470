// rights - options that were asked for and cannot be had are refused, not dropped.
import t from 'tap'
import { rightsProblems } from '../../src/mount/rights.js'

const root = { admin: true, initialUserNamespace: true }
const namespaceRoot = { admin: true, initialUserNamespace: false }
const user = { admin: false, initialUserNamespace: true }

t.test('root may have both', (t) => {
  t.strictSame(rightsProblems({ dev: true, suid: true }, root), [])
  t.end()
})

t.test('root of a user namespace may have --suid only', (t) => {
  t.match(rightsProblems({ dev: true, suid: true }, namespaceRoot), [{ severity: 'error', subject: '--dev', reason: /user namespace/ }])
  t.end()
})

t.test('an ordinary user may have neither, but may leave them out or off', (t) => {
  t.match(rightsProblems({ dev: true, suid: true }, user), [{ subject: '--dev', reason: /nodev/ }, { subject: '--suid', reason: /nosuid/ }])
  t.strictSame(rightsProblems({ dev: false, suid: false }, user), [])
  t.strictSame(rightsProblems({}, user), [])
  t.end()
})
