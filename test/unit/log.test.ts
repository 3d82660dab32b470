// log - lines in a file, and native records as log lines.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createLogger, nullLogger } from '../../src/log/logger.js'
import { forwardRecords } from '../../src/log/native-bridge.js'

t.test('native records become lines with their level and fields', async (t) => {
  const file = join(t.testdir({}), 'log')
  const logger = await createLogger({ file, stderr: false, level: 'info' })
  forwardRecords(logger, [
    { level: 40, message: 'full', fields: '"path":"a/b","errno":28' },
    { level: 20, message: 'not shown', fields: '' },
    { level: 50, message: 'odd name', fields: '"path":"\u0001"' },
  ])
  logger.flush()
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as object)
  t.match(lines, [
    { level: 40, msg: 'full', path: 'a/b', errno: 28 },
    { level: 50, msg: 'odd name', fields: '"path":"\u0001"' },
  ])
  t.equal(lines.length, 2)
  t.equal(logger.levelNumber, 30)
})

t.test('without a destination nothing is made', async (t) => {
  t.equal(await createLogger({ stderr: false, level: 'trace' }), nullLogger)
  t.equal(await createLogger({ stderr: true, level: 'silent' }), nullLogger)
  t.ok(nullLogger.levelNumber > 60)
})

t.test('a file that cannot be written is refused at once', async (t) => {
  await t.rejects(createLogger({ file: '/nowhere/log', stderr: false, level: 'info' }), { code: 'IO', errno: 'ENOENT' })
})
