// recent - what `status` can tell of past warnings: bounded, newest last.
import t from 'tap'
import { nullLogger, type Logger } from '../../src/log/logger.js'
import { RecentTroubles } from '../../src/log/recent.js'

t.test('warnings and errors are remembered, newest last, also when nothing is logged; the rest is not', (t) => {
  const troubles = new RecentTroubles()
  const logger = troubles.watch(nullLogger)
  t.equal(logger.levelNumber, 40, 'the engine makes records of warnings')
  logger.log('info', 'mounted')
  logger.log('warn', 'first', { subject: 'x' })
  logger.log('error', 'second')
  t.match(troubles.list(), [
    { level: 'warn', message: 'first', fields: { subject: 'x' }, times: 1, at: /^\d{4}-.*Z$/ },
    { level: 'error', message: 'second' },
  ])
  t.equal(troubles.list().length, 2)
  t.end()
})

t.test('everything is passed on to the logger', (t) => {
  const lines: string[] = []
  const inner: Logger = { levelNumber: 20, log: (level, message) => lines.push(`${level} ${message}`), flush: () => lines.push('flush') }
  const logger = new RecentTroubles().watch(inner)
  t.equal(logger.levelNumber, 20)
  logger.log('debug', 'a')
  logger.log('error', 'b')
  logger.flush()
  t.strictSame(lines, ['debug a', 'error b', 'flush'])
  t.end()
})

t.test('what comes over and over is counted, and one kind of trouble leaves room for the others', (t) => {
  const troubles = new RecentTroubles()
  const logger = troubles.watch(nullLogger)
  logger.log('error', 'the one that matters')
  for (let i = 0; i < 1000; i++) logger.log('warn', 'again', { errno: 5 })
  for (let i = 0; i < 1000; i++) logger.log('warn', 'many', { node: i })
  const list = troubles.list()
  t.equal(list[0]?.message, 'the one that matters')
  t.match(list[1], { message: 'again', times: 1000 })
  t.match(list.at(-1), { message: 'many', fields: { node: 999 } })
  t.ok(list.length < 10)
  for (let i = 0; i < 1000; i++) logger.log('warn', `kind ${i}`, { text: 'x'.repeat(100_000) })
  t.ok(troubles.list().length <= 16)
  t.ok(JSON.stringify(troubles.list()).length < 16_000, 'long texts are cut')
  t.equal(troubles.list().at(-1)?.message, 'kind 999')
  t.end()
})
