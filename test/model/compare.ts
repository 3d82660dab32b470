// compare - the whole tree of the filesystem against the whole tree of the model.
import { contentOf } from '../helpers/dump.js'
import { listDirectory, lstat, posix, xattrNames } from '../helpers/posix.js'
import { readlinkSync } from 'node:fs'
import { attributesOfStat } from './perform.js'
import { attributesOf } from './predict.js'
import type { Inode, Reference } from './reference.js'

const MAX_DIFFERENCES = 8

// Sentences about what differs, at most a handful.
export function compareTrees(root: string, model: Reference): string[] {
  const found: string[] = []
  const visit = (at: string, path: string, inode: Inode): void => {
    if (found.length >= MAX_DIFFERENCES) return
    compareNode(at, path, inode, model, found)
    if (inode.type !== 'dir') return
    const real = listDirectory(at).map((entry) => entry.name.toString()).sort()
    const wanted = [...inode.children.keys()].sort()
    if (real.join('/') !== wanted.join('/')) found.push(`${path || '.'} lists [${real.join(' ')}], the model [${wanted.join(' ')}]`)
    else for (const [name, child] of inode.children) visit(`${at}/${name}`, path === '' ? name : `${path}/${name}`, child)
  }
  visit(root, '', model.root)
  return found
}

function compareNode(at: string, path: string, inode: Inode, model: Reference, found: string[]): void {
  const stat = lstat(at)
  // The mount's root directory is made by the test's own set-up.
  const timed = inode.mtime !== undefined && path !== ''
  const real = JSON.stringify({ ...attributesOfStat(stat, true), xattrs: xattrsOf(at), mtime: timed ? stat.mtime.toString() : '' })
  const wanted = JSON.stringify({ ...attributesOf(inode), xattrs: [...inode.xattrs].map(([name, value]) => `${name}=${value}`).sort(), mtime: timed ? model.shownTime(inode.mtime ?? 0n) : '' })
  if (real !== wanted) found.push(`${path || '.'} is ${real}, in the model ${wanted}`)
  if (inode.type === 'file' && stat.size === BigInt(inode.data.length)) {
    const content = contentOf(at)
    if (!content.equals(inode.data)) found.push(`${path} differs in content from byte ${content.findIndex((byte, i) => byte !== inode.data[i])}`)
  }
  if (inode.type === 'symlink' && readlinkSync(at) !== inode.target) found.push(`${path} points elsewhere`)
}

function xattrsOf(at: string): string[] {
  return xattrNames(at).map((name) => `${name}=${posix.getxattr(at, name).toString()}`).sort()
}
