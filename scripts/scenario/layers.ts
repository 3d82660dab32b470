// layers - cuts one tree into a stack of layers whose union is that tree again, with everything in the stack that a
// union has to get right: merged directories whose files come from every layer, whiteouts, names deleted and added
// again, opaque directories, kinds that change from layer to layer, shadowed files and directory attributes.
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { markOpaque, placeDecoys, type Decoys } from './decoys.js'
import { tarPreserve } from './debian.js'
import { run } from './run.js'

export interface LayerSet {
  /** Bottom first: index 0 is the lowest layer. */
  readonly layers: readonly string[]
  /** Per layer, the list of directories it shows and the tarball with their true attributes. */
  readonly directoryTars: readonly string[]
  readonly decoys: Decoys
}

const kLayerCount = 4

/**
 * Copies `root` into layers below `into`. Every file lands in one layer chosen by its name (hard links together); a
 * directory is in each layer that holds something below it.
 */
export function splitTree(root: string, into: string, decoys: Decoys): LayerSet {
  const layers = Array.from({ length: kLayerCount }, (_, index) => join(into, `layer-${index}`))
  const plan = planLayers(root, decoys)
  for (const layer of layers) mkdirSync(layer, { recursive: true })
  const directoryTars = layers.map((layer, index) => {
    const tarball = `${layer}.directories.tar`
    packList(root, [...at(plan.directories, index)].sort(), tarball)
    extractOver(tarball, layer)
    const files = `${layer}.files.tar`
    packList(root, at(plan.files, index), files)
    extractOver(files, layer)
    rmSync(files)
    return tarball
  })
  const set = { layers, directoryTars, decoys }
  placeDecoys(layers, decoys)
  restoreDirectories(set)
  markOpaque(layers, decoys)
  disguiseHiddenDirectories(set, plan.directories)
  return set
}

/** Gives every directory of every layer its own attributes back, after entries were added to it. */
export function restoreDirectories(set: LayerSet): void {
  set.layers.forEach((layer, index) => {
    extractOver(at(set.directoryTars, index), layer)
  })
}

interface Plan {
  readonly files: readonly string[][]
  readonly directories: readonly ReadonlySet<string>[]
}

function planLayers(root: string, decoys: Decoys): Plan {
  const files: string[][] = Array.from({ length: kLayerCount }, () => [])
  const directories = Array.from({ length: kLayerCount }, () => new Set(['.']))
  const layerOfInode = new Map<string, number>()
  const visit = (path: string, inheritedFloor: number): void => {
    const floor = Math.max(inheritedFloor, decoys.floors.get(path) ?? 0)
    const stat = lstatSync(join(root, path))
    const chosen = floor + (hashText(path) % (kLayerCount - floor))
    if (!stat.isDirectory()) {
      const inode = String(stat.ino)
      const layer = stat.nlink > 1 ? (layerOfInode.get(inode) ?? chosen) : chosen
      if (layer < floor) throw new Error(`${path}: a hard link ties it below the layer it must lie in`)
      layerOfInode.set(inode, layer)
      at(files, layer).push(path)
      addWithParents(at(directories, layer), dirname(path))
      return
    }
    // An opaque directory must itself stand in the layer that cuts off those below.
    const opaque = decoys.opaque.find((decoy) => decoy.path === path)
    addWithParents(at(directories, opaque?.layer ?? chosen), path)
    for (const name of readdirSync(join(root, path))) visit(path === '.' ? name : `${path}/${name}`, floor)
  }
  visit('.', 0)
  for (const { path, layer } of decoys.placements) {
    const parent = nearestDirectory(root, dirname(path))
    addWithParents(at(directories, layer), parent)
  }
  return { files, directories }
}

/** The closest directory of the tree at or above a path; what lies below it exists only as a decoy. */
function nearestDirectory(root: string, path: string): string {
  let candidate = path
  while (!existsSync(join(root, candidate)) || !lstatSync(join(root, candidate)).isDirectory()) candidate = dirname(candidate)
  return candidate
}

/**
 * Falsifies mode and times of some directories in layers where a higher layer has the same directory: what a merged
 * directory shows comes from its top layer only.
 */
function disguiseHiddenDirectories(set: LayerSet, directories: readonly ReadonlySet<string>[]): void {
  directories.forEach((paths, layer) => {
    for (const path of paths) {
      const covered = directories.slice(layer + 1).some((higher) => higher.has(path))
      if (!covered || path === '.' || hashText(path) % 3 !== 0) continue
      const real = join(at(set.layers, layer), path)
      chmodSync(real, 0o700)
      utimesSync(real, 1000, 2000)
    }
  })
}

function packList(root: string, paths: readonly string[], tarball: string): void {
  const list = `${tarball}.list`
  writeFileSync(list, paths.map((path) => `${path}\0`).join(''))
  run('tar', ['-C', root, ...tarPreserve, '--no-recursion', '--null', '--verbatim-files-from', '-T', list, '-cf', tarball])
  rmSync(list)
}

function extractOver(tarball: string, into: string): void {
  run('tar', ['-C', into, ...tarPreserve, '--overwrite-dir', '-xpf', tarball])
}

function addWithParents(set: Set<string>, path: string): void {
  for (let current = path; !set.has(current); current = dirname(current)) set.add(current)
}

function hashText(text: string): number {
  let hash = 2166136261
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619) >>> 0
  return hash >>> 3
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new Error(`no layer ${index}`)
  return item
}
