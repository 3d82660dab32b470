// lock-holder - the kernel's list of locks.
import t from 'tap'
import { parseLocks } from '../../src/mount/lock-holder.js'

t.test('of /proc/locks, the flocks that are held count', (t) => {
  const text = [
    '1: FLOCK  ADVISORY  WRITE 24335 fe:00:2320381 0 EOF',
    '1: -> FLOCK  ADVISORY  WRITE 99 fe:00:2320381 0 EOF',
    '2: POSIX  ADVISORY  READ  12 00:1b:5 0 EOF',
    '17: FLOCK  ADVISORY  READ  7 00:1b:77 0 EOF',
    '',
  ].join('\n')
  t.strictSame(parseLocks(text), [
    { pid: 24335, file: '254:0:2320381' },
    { pid: 7, file: '0:27:77' },
  ])
  t.end()
})
