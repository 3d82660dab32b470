// parse-spec - layer lists as people type them.
import t from 'tap'
import { formatSpec, parseSpec } from '../../src/stack/parse-spec.js'

const rows: readonly [spec: string, paths: string[]][] = [
  ['a', ['a']],
  ['a:b:c', ['a', 'b', 'c']],
  ['/a\\:b:c', ['/a:b', 'c']],
  ['a\\\\:b', ['a\\', 'b']],
  ['a\\\\\\:b', ['a\\:b']],
  [' a : b ', [' a ', ' b ']],
  ['ä:日本', ['ä', '日本']],
]
for (const [spec, paths] of rows) {
  t.test(`${spec} is ${JSON.stringify(paths)}, and back`, (t) => {
    t.strictSame(parseSpec(spec), paths)
    t.strictSame(parseSpec(formatSpec(paths)), paths)
    t.end()
  })
}

for (const spec of ['', ':', 'a:', ':a', 'a::b', 'a\\', 'a\\b']) {
  t.test(`${JSON.stringify(spec)} is a usage error with a remedy`, (t) => {
    t.throws(() => parseSpec(spec), { code: 'USAGE', remedy: /.+/ })
    t.end()
  })
}

t.test('500 layers are taken, 501 are not', (t) => {
  const spec = (count: number): string => Array.from({ length: count }, (_, i) => `l${i}`).join(':')
  t.equal(parseSpec(spec(500)).length, 500)
  t.throws(() => parseSpec(spec(501)), /501 lower layers/)
  t.end()
})
