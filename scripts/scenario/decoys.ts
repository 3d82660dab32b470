// decoys - content that the lower layers hold and the merged tree must not show, and the markers that hide it.
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from './run.js'

export interface Placement {
  readonly path: string
  /** 0 is the lowest layer. */
  readonly layer: number
  readonly kind: 'file' | 'directory' | 'whiteout'
}

export interface Decoys {
  readonly placements: readonly Placement[]
  readonly opaque: readonly { readonly path: string; readonly layer: number }[]
  /** The lowest layer in which the true content at or below a path may lie. */
  readonly floors: ReadonlyMap<string, number>
}

/** Names that no layer of the real tree has: present below, deleted above. */
const kDeleted = ['etc/stale.conf', 'usr/bin/stale-tool', 'opt/stale-tree', 'var/lib/dpkg/info/stale.list', 'stale-at-root']
/** Real entries that a middle layer deletes and a higher one brings back. */
const kRevived = ['etc/debian_version', 'usr/bin/env', 'usr/bin/dpkg', 'etc/cron.daily', 'usr/share/debconf', 'opt/extras/fifo']
/** Real files that are directories further down, and real directories that are files further down. */
const kChangedKind = ['etc/passwd', 'usr/bin/sed', 'etc/localtime', 'etc/profile.d', 'usr/share/perl5', 'etc/apt']
/** Real directories that replace those below them. */
const kOpaque = [
  { path: 'var/lib/dpkg/info', layer: 2 },
  { path: 'etc/pam.d', layer: 1 },
  { path: 'usr/lib/x86_64-linux-gnu/gconv', layer: 3 },
  { path: 'opt/extras/many', layer: 2 },
]
/** Real files with other content under them. */
const kShadowed = ['usr/bin/ls', 'etc/group', 'usr/lib/x86_64-linux-gnu/libc.so.6', 'var/lib/dpkg/status', 'usr/bin/find']

const kBottom = 0
const kMarkerLayer = 1
const kRevivedLayer = 2
const kJunk = 'this content lies in a lower layer and must never be seen\n'

/** The decoys that make sense for this tree: candidates that it has, whatever its packages are. */
export function chooseDecoys(root: string): Decoys {
  const has = (path: string): boolean => lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined
  const placements: Placement[] = []
  const floors = new Map<string, number>()
  for (const path of kDeleted) {
    const kind = path.includes('tree') || path.endsWith('root') ? 'directory' : 'file'
    placements.push({ path, layer: kBottom, kind }, { path, layer: kMarkerLayer, kind: 'whiteout' })
  }
  for (const path of kRevived.filter(has)) {
    const kind = lstatSync(join(root, path)).isDirectory() ? 'directory' : 'file'
    placements.push({ path, layer: kBottom, kind }, { path, layer: kMarkerLayer, kind: 'whiteout' })
    floors.set(path, kRevivedLayer)
  }
  for (const path of kChangedKind.filter(has)) {
    const kind = lstatSync(join(root, path)).isDirectory() ? 'file' : 'directory'
    placements.push({ path, layer: kBottom, kind })
    floors.set(path, kMarkerLayer)
  }
  for (const path of kShadowed.filter(has)) {
    placements.push({ path, layer: kBottom, kind: 'file' })
    floors.set(path, kMarkerLayer)
  }
  const opaque = kOpaque.filter((decoy) => has(decoy.path))
  for (const { path, layer } of opaque) {
    placements.push({ path: `${path}/junk-below`, layer: layer - 1, kind: 'file' })
    placements.push({ path: `${path}/junk-tree`, layer: kBottom, kind: 'directory' })
    floors.set(path, layer)
  }
  return { placements, opaque, floors }
}

export function placeDecoys(layers: readonly string[], decoys: Decoys): void {
  for (const { path, layer, kind } of decoys.placements) {
    const real = join(layers[layer] ?? '', path)
    mkdirSync(dirname(real), { recursive: true })
    if (kind === 'file') writeFileSync(real, kJunk)
    if (kind === 'directory') junkTree(real)
    if (kind === 'whiteout') run('mknod', [real, 'c', '0', '0'])
  }
}

/** Marks the opaque directories in the kernel's form. */
export function markOpaque(layers: readonly string[], decoys: Decoys): void {
  for (const { path, layer } of decoys.opaque) {
    run('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(layers[layer] ?? '', path)])
  }
}

/**
 * Rewrites the layers' markers from the kernel's forms (device 0:0, trusted.overlay.opaque) to the `.wh.` forms that
 * image layers use and only user-space unions read.
 */
export function markersToWhNames(layers: readonly string[], decoys: Decoys): void {
  for (const { path, layer, kind } of decoys.placements) {
    const real = join(layers[layer] ?? '', path)
    if (kind !== 'whiteout' || !existsSync(real)) continue
    rmSync(real)
    writeFileSync(join(dirname(real), `.wh.${path.split('/').at(-1) ?? ''}`), '')
  }
  decoys.opaque.forEach(({ path, layer }, index) => {
    const real = join(layers[layer] ?? '', path)
    run('setfattr', ['-x', 'trusted.overlay.opaque', real])
    if (index % 2 === 0) writeFileSync(join(real, '.wh..wh..opq'), '')
    else run('setfattr', ['-n', 'user.fuseoverlayfs.opaque', '-v', 'y', real])
  })
}

function junkTree(path: string): void {
  mkdirSync(join(path, 'sub', 'dir'), { recursive: true })
  writeFileSync(join(path, 'junk'), kJunk)
  writeFileSync(join(path, 'sub', 'dir', 'junk'), kJunk)
  chmodSync(join(path, 'sub'), 0o700)
}
