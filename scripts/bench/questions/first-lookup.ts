// first-lookup - the first name asked for in a large directory that several layers have: how much of it must be read?
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeFlat } from '../materials.js'
import type { Question } from '../question.js'

const kLayers = 8

export const firstLookup: Question = {
  id: 'first-lookup',
  group: 'depth',
  title: 'first lookup in a large merged directory',
  weight: 3,
  rows: ({ mergedEntries }) => [{ id: 'first', label: `first lookup, ${mergedEntries} entries from ${kLayers} lowers`, unit: 'time' }],
  prepare({ sizes, materials }) {
    const { mergedDirs, mergedEntries } = sizes
    const fill = (layerDir: string, layers: number, layer: number): void => {
      mkdirSync(layerDir)
      for (let dir = 0; dir < mergedDirs; ++dir) makeFlat(join(layerDir, String(dir)), mergedEntries, { layers, layer })
    }
    const root = materials.make('merged-dirs', 'question', (dir) => {
      fill(join(dir, 'merged'), 1, 0)
      for (let layer = 0; layer < kLayers; ++layer) fill(join(dir, String(layer)), kLayers, layer)
    })
    const lowers = Array.from({ length: kLayers }, (_, layer) => join(root, String(layer)))
    // A name of the lowest layer, in the middle of the listing.
    const name = `n${String(Math.floor(mergedEntries / 2 / kLayers) * kLayers + kLayers - 1).padStart(6, '0')}`
    return (run) => {
      const { path } = run.mount({ lowers, merged: join(root, 'merged'), writes: false })
      run.step('first', () => run.client('first-lookups', [path], { dirs: mergedDirs, name }).seconds)
    }
  },
}
