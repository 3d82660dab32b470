// journal - what a mount learned reaches the index, also when the index was busy at first.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadAddon } from '../../src/engine/addon.js'
import type { LearnedRecord, NativeRecords } from '../../src/engine/contract.js'
import type { FedLayer } from '../../src/index/feed.js'
import { Journal } from '../../src/index/journal.js'
import { hashing, layerKey, placeOf, slotKey } from '../../src/index/keys.js'
import { decodeEntry } from '../../src/index/entry.js'
import { withIndex } from '../../src/index/store.js'
import type { Logger } from '../../src/log/logger.js'

const much = 2 << 20 // more than waits for the end of the mount

interface Bench {
  readonly index: string
  readonly layer: FedLayer
  readonly lines: string[]
  readonly journal: Journal
  learn(path: string): void
  known(): Promise<string[]>
}

async function makeBench(t: Test): Promise<Bench> {
  const dir = mkdtempSync('/dev/shm/unionfs-journal-')
  t.teardown(() => {
    rmSync(dir, { recursive: true, force: true })
  })
  const index = join(dir, 'index')
  mkdirSync(join(dir, 'layer'))
  const facts = loadAddon().layerFacts(join(dir, 'layer'))
  const hash = await hashing()
  const layer = { number: 1, facts, place: placeOf(hash, facts) ?? '' }
  const lines: string[] = []
  const logger: Logger = {
    levelNumber: 0,
    log: (level, message) => {
      lines.push(`${level}: ${message}`)
    },
    flush: () => undefined,
  }
  const learned: LearnedRecord[] = []
  const native: Pick<NativeRecords, 'takeLearned'> = { takeLearned: () => learned.splice(0) }
  return {
    index,
    layer,
    lines,
    journal: new Journal(native as NativeRecords, [layer], index, logger),
    learn: (path) => {
      learned.push({ layer: 1, path: Buffer.from(path), record: Buffer.alloc(much) })
    },
    known: () =>
      withIndex(index, { write: true, patienceMilliseconds: 10_000 }, async (window) => {
        const value = await window.get(layerKey(layer.place))
        const entry = value === undefined ? undefined : decodeEntry(hash, value)
        if (entry === undefined) return []
        const there = await Promise.all(['first', 'second'].map(async (path) => ((await window.get(slotKey('record', entry.slot, Buffer.from(path)))) === undefined ? [] : [path])))
        return there.flat()
      }),
  }
}

// Runs `during` while another user of the index has it.
async function whileBusy(index: string, during: () => Promise<void>): Promise<void> {
  await withIndex(index, { write: true, patienceMilliseconds: 10_000 }, during)
}

t.test('what was learned while another process held the index is written when the index is free', async (t) => {
  const bench = await makeBench(t)
  await whileBusy(bench.index, async () => {
    bench.learn('first')
    await bench.journal.collect(false)
  })
  t.strictSame(await bench.known(), [])
  bench.learn('second')
  await bench.journal.collect(false)
  t.strictSame(await bench.known(), ['first', 'second'])
  t.notOk(bench.lines.some((line) => line.startsWith('warn')), 'nothing went wrong')
})

t.test('at the end of a mount an index that stays busy is given up, with one warning', async (t) => {
  const bench = await makeBench(t)
  await whileBusy(bench.index, async () => {
    bench.learn('first')
    await bench.journal.collect(true)
  })
  t.strictSame(bench.lines, ['warn: what was learned of the layers is not kept'])
})

t.test('the last batch waits for the one that is being written', async (t) => {
  const bench = await makeBench(t)
  bench.learn('first')
  const before = bench.journal.collect(false)
  bench.learn('second')
  await bench.journal.collect(true)
  t.strictSame(await bench.known(), ['first', 'second'])
  await before
})
