// output - how figures, tables and errors look, and what the starter is told.
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatBytes, formatCount, formatDuration, formatError, formatMicroseconds, formatTable, StarterOutput } from '../../src/cli/output.js'
import { exitCodeOf } from '../../src/cli/exit-codes.js'
import { UnionfsError, ValidationError } from '../../src/errors.js'

t.test('bytes', (t) => {
  t.strictSame([0, 1023, 1024, 1536, 150 * 1024, 3.4 * 2 ** 30, 2 ** 60].map(formatBytes), ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '150 KiB', '3.4 GiB', '1024 PiB'])
  t.end()
})

t.test('durations', (t) => {
  t.strictSame([0, 59, 60, 3661, 90061].map(formatDuration), ['0 s', '59 s', '1 min 0 s', '1 h 1 min', '1 d 1 h'])
  t.end()
})

t.test('latencies', (t) => {
  t.strictSame([3.21, 41.4, 1310, 25_000, 2_500_000].map(formatMicroseconds), ['3.2 us', '41 us', '1.3 ms', '25 ms', '2.5 s'])
  t.end()
})

t.test('tables line up', (t) => {
  t.strictSame(formatTable([['name', 'n'], ['a', '100'], ['long one', '5']], [1]), ['name        n', 'a         100', 'long one    5'])
  t.end()
})

t.test('an error is one line with its remedy; several problems are a list', (t) => {
  t.equal(formatError(new UnionfsError('MOUNT', 'it failed', { remedy: 'do that' })), 'unionfs: it failed; do that')
  t.equal(formatError(new Error('boom')), 'unionfs: a fault of unionfs itself: boom; please report it with the command that was given')
  t.equal(formatError(Object.assign(new Error('ENOSPC: no space left on device, mkdir'), { code: 'ENOSPC', syscall: 'mkdir', path: '/x' })), 'unionfs: /x: its filesystem is full (ENOSPC); free some space')
  t.equal(formatError(Object.assign(new Error('E2BIG: too big, spawn'), { code: 'E2BIG', syscall: 'spawn' })), 'unionfs: spawn failed (E2BIG); see that the filesystem it lies on is healthy')
  const problem = { severity: 'error', subject: 'upper', reason: 'is missing', remedy: 'create it' } as const
  t.equal(formatError(new ValidationError([problem])), 'unionfs: upper: is missing; create it')
  t.equal(formatError(new ValidationError([problem, problem])).split('\n').length, 3)
  t.end()
})

t.test('usage errors exit 2, all others 1', (t) => {
  t.equal(exitCodeOf(new UnionfsError('USAGE', 'x')), 2)
  t.equal(exitCodeOf(new UnionfsError('MOUNT', 'x')), 1)
  t.equal(exitCodeOf(new Error('x')), 1)
  t.end()
})

t.test('the starter gets the exit code, then the text, once', (t) => {
  const file = join(t.testdir({}), 'pipe')
  const output = new StarterOutput(openSync(file, 'w'))
  output.err('a warning')
  output.finish(0)
  output.err('too late')
  output.finish(1)
  t.equal(readFileSync(file, 'utf8'), '0\na warning\n')
  t.end()
})

t.test('one thing is singular, none and several are plural', (t) => {
  t.equal(formatCount(1, 'file'), '1 file')
  t.equal(formatCount(2, 'file'), '2 files')
  t.equal(formatCount(0, 'directory'), '0 directories')
  t.end()
})
