// index-build - a slot that is being filled, and what gc makes of it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { mock } from 'node:test'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { loadAddon } from '../../src/engine/addon.js'
import type { NativeWalk, WalkedDirectory } from '../../src/engine/contract.js'
import { recordLayer } from '../../src/index/build.js'
import { builderSilence, renewEvery } from '../../src/index/building.js'
import { collectGarbage } from '../../src/index/gc.js'
import { buildingKey, layerKey, newSlot, slotKey } from '../../src/index/keys.js'
import { indexStatus } from '../../src/index/status.js'
import { withIndex, type IndexWindow } from '../../src/index/store.js'

const root = Buffer.alloc(0)
const mib = 2 ** 20

interface Place {
  readonly index: string
  readonly layer: string
}

function makePlace(t: Test): Place {
  const dir = mkdtempSync('/dev/shm/unionfs-build-')
  t.teardown(() => {
    rmSync(dir, { recursive: true, force: true })
  })
  const layer = join(dir, 'layer')
  mkdirSync(layer)
  return { index: join(dir, 'index'), layer }
}

function write<T>(index: string, use: (window: IndexWindow) => Promise<T>): Promise<T> {
  return withIndex(index, { write: true, patienceMilliseconds: 10_000 }, use)
}

// A walk that gives one batch, large enough to be written at once; `then` runs when it has been.
function walkOf(layer: string, then: () => Promise<void>): NativeWalk {
  const batch: WalkedDirectory[] = [{ path: root, files: 0, record: Buffer.alloc(9 * mib), contents: Buffer.alloc(0), digest: Buffer.alloc(16) }]
  let calls = 0
  let written = (): void => undefined
  const later = new Promise<void>((resolve) => {
    written = resolve
  })
  return {
    facts: loadAddon().layerFacts(layer),
    next: async () => {
      const call = calls++
      if (call === 0) return batch
      // The others who walk wait here for the one that has written.
      if (call < 3) await later
      if (call === 3) {
        await then()
        written()
      }
      return []
    },
    cancel: () => {
      written()
    },
    bytesRead: () => 0,
  }
}

async function marks(index: string): Promise<string[]> {
  return (await write(index, (window) => window.building())).map(([, mark]) => mark.toString())
}

t.test('a seal whose records gc took away fails, and vouches for nothing', async (t) => {
  const { index, layer } = makePlace(t)
  const walk = walkOf(layer, async () => {
    await write(index, async (window) => {
      for (const [slot] of await window.building()) await window.clearSlot(slot)
    })
  })
  await t.rejects(recordLayer(index, walk, { seal: true }), { message: /has lost the records of this layer/, remedy: 'do it again' })
  t.strictSame((await indexStatus(index)).layers, [])
})

t.test('a builder that has nothing to write for long renews its mark by the clock, and gc leaves it alone', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => {
    mock.timers.reset()
  })
  t.ok(renewEvery * 3 < builderSilence, 'and may fail to do so more than once')
  const { index, layer } = makePlace(t)
  const walk = walkOf(layer, async () => {
    const [before] = await marks(index)
    await sleep(5)
    mock.timers.tick(renewEvery)
    for (let tries = 0; (await marks(index))[0] === before && tries < 100; tries++) await sleep(20)
    t.not((await marks(index))[0], before, 'renewed')
    t.equal((await collectGarbage(index, 100)).slots, 0)
  })
  const result = await recordLayer(index, walk, { seal: true })
  t.equal(result.directories, 1)
  t.match((await indexStatus(index)).layers, [{ entry: { path: layer, complete: true } }])
  t.strictSame(await marks(index), [], 'no mark is left')
})

t.test('gc removes the slot of a builder that fell silent, and one whose mark is damaged', async (t) => {
  const { index } = makePlace(t)
  const [silent, damaged, live] = [newSlot(), newSlot(), newSlot()]
  const mark = (at: number): Buffer => Buffer.from(JSON.stringify({ pid: 1, at }))
  await write(index, (window) =>
    window.put([
      [buildingKey(silent), mark(Date.now() - builderSilence - 1)],
      [buildingKey(damaged), Buffer.from('{"pid":1,')],
      [buildingKey(live), mark(Date.now())],
      ...[silent, damaged, live].map((slot) => [slotKey('record', slot, root), Buffer.from('r')] as const),
    ]),
  )
  t.equal((await collectGarbage(index, 100)).slots, 2)
  await write(index, async (window) => {
    t.strictSame(await window.slots(), new Set([live]))
    t.strictSame((await window.building()).map(([slot]) => slot), [live])
  })
})

t.test('gc removes entries that cannot be read, with the records they named', async (t) => {
  const { index } = makePlace(t)
  const slot = newSlot()
  const key = layerKey('00'.repeat(16))
  await write(index, (window) =>
    window.put([
      [key, Buffer.from('no entry')],
      [slotKey('record', slot, root), Buffer.from('r')],
    ]),
  )
  const result = await collectGarbage(index, 100)
  t.match(result, { damaged: 1, slots: 1 })
  t.equal(await write(index, (window) => window.get(key)), undefined)
})
