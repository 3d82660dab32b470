// foreign-options - options of mount(8) get an answer instead of "unknown".
import t from 'tap'
import { insteadOf } from '../../src/cli/foreign-options.js'

const rows: readonly [word: string, next: string | undefined, says: RegExp | undefined][] = [
  ['-o', 'ro', /leave UPPER out/],
  ['-oro', 'a', /leave UPPER out/],
  ['-o=ro', undefined, /leave UPPER out/],
  ['--options=nodev,nosuid', undefined, /--no-dev; .*--no-suid/],
  ['-o', 'lowerdir=a,upperdir=b,workdir=c', /LOWER\[:LOWER\.\.\.\]; .*behind the lowers; .*--workdir DIR/],
  ['-o', 'frobnicate', /options of this command/],
  ['-o', undefined, /options of this command/],
  ['-r', 'a', /leave UPPER out/],
  ['--read-only', undefined, /leave UPPER out/],
  ['--frobnicate', 'ro', undefined],
  ['--other', 'ro', undefined],
]
for (const [word, next, says] of rows) {
  t.test(`${word} ${next ?? ''}`, (t) => {
    const said = insteadOf(word, next)
    if (says === undefined) t.equal(said, undefined)
    else t.match(said, says)
    t.end()
  })
}
