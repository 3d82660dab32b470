// seal-list - the seals of an index as a file beside the database, so that a mount can warn of one that does not hold
// before it returns: opening the database takes as long as the rest of the mount. Nothing is believed because of it.
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, type Problem } from '../errors.js'
import { shellWord } from '../words.js'
import type { LayerFacts } from '../engine/contract.js'
import { commandFor } from './location.js'
import { isSealed, type Seal } from './seal.js'

export const sealListName = 'SEALS'

interface ListedSeal {
  readonly place: string
  readonly inode: string
  readonly birth: string
  readonly seal: Pick<Seal, 'mtime' | 'ctime' | 'ended'>
}

// Belongs into a window of the database, which only one process has. Undefined: the place has no seal.
export function listSeal(dir: string, place: string, seal?: { readonly facts: LayerFacts; readonly seal: Seal }): void {
  const list = readList(dir).filter((each) => each.place !== place)
  if (seal !== undefined) {
    const { facts: { inode, birth = '' }, seal: { mtime, ctime } } = seal
    list.push({ place, inode, birth, seal: { mtime, ctime } })
  }
  replaceList(dir, list)
}

export function listEnded(dir: string, places: ReadonlySet<string>, ended: string): void {
  replaceList(dir, readList(dir).map((each) => (places.has(each.place) ? { ...each, seal: { ...each.seal, ended } } : each)))
}

function replaceList(dir: string, list: readonly ListedSeal[]): void {
  const path = join(dir, sealListName)
  const text = list.map((each) => `${JSON.stringify(each)}\n`).join('')
  if (text === readText(path)) return
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

function readList(dir: string): ListedSeal[] {
  const lines = readText(join(dir, sealListName)).split('\n')
  return lines.flatMap((line) => {
    try {
      const value = JSON.parse(line) as ListedSeal
      return typeof value.seal.mtime === 'string' ? [value] : []
    } catch {
      return [] // the empty end of the file, or damaged: no warning comes of it
    }
  })
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return ''
  }
}

// A warning for each lower that was sealed and is so no more.
export function sealProblems(dir: string, lowers: readonly string[]): Problem[] {
  const list = readList(dir)
  if (list.length === 0) return []
  const byRoot = new Map(list.map((each) => [`${each.inode} ${each.birth}`, each.seal]))
  return [...new Set(lowers)].flatMap((path): Problem[] => {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    const seal = stats === undefined ? undefined : byRoot.get(`${stats.ino} ${textOf(stats.birthtimeNs)}`)
    if (stats === undefined || seal === undefined || isSealed({ seal }, { mtime: textOf(stats.mtimeNs), ctime: textOf(stats.ctimeNs) })) return []
    const label = lowers.length === 1 ? 'lower' : `lower ${lowers.indexOf(path) + 1}`
    return [{ severity: 'warning', subject: `${label} (${path})`, reason: `its seal does not hold, because ${whyBroken(seal)}; it is read as any other layer`, remedy: sealAgain(dir, path) }]
  })
}

export function whyBroken(seal: Pick<Seal, 'ended'> | undefined): string {
  return seal?.ended === undefined ? 'the directory itself was changed or renamed since' : 'a union has written into it since'
}

export function sealAgain(dir: string, path: string): string {
  return `seal it again: ${commandFor(dir, `seal ${shellWord(path)}`)}`
}

// "SECONDS.NANOSECONDS", as in LayerFacts.
function textOf(nanoseconds: bigint): string {
  const seconds = nanoseconds >= 0n ? nanoseconds / 1_000_000_000n : -((-nanoseconds + 999_999_999n) / 1_000_000_000n)
  return `${seconds}.${String(nanoseconds - seconds * 1_000_000_000n).padStart(9, '0')}`
}
