// findings - what verify tells of a layer: each thing once, though a directory and the one above it may both know of it.
import { textOfBytes } from '../words.js'

// A path below the layer's root as a key: any bytes, in latin1.
export function keyOf(path: Buffer): string {
  return path.toString('latin1')
}

export class Findings {
  readonly #lines = new Set<string>()
  // Directories of which nothing below needs to be told.
  readonly #added = new Set<string>()
  readonly #missing = new Set<string>()
  readonly #unreadable = new Set<string>()

  add(line: string): void {
    this.#lines.add(line)
  }

  // "usr/bin" and "env: size ..." to "usr/bin/env: size ...".
  inDirectory(directory: string, difference: string): void {
    const path = pathOf(directory)
    if (difference.startsWith('.: ')) this.add((path === '' ? '.' : path) + difference.slice(1))
    else this.add(path === '' ? difference : `${path}/${difference}`)
  }

  added(directory: string): void {
    this.#added.add(directory)
  }

  missing(directory: string): void {
    this.#missing.add(directory)
  }

  unreadable(directory: string, name: Buffer | undefined, errno: string): void {
    if (name === undefined) this.#unreadable.add(directory)
    this.inDirectory(directory, name === undefined ? `.: cannot be read (${errno})` : `${textOfBytes(name)}: cannot be read (${errno})`)
  }

  lines(): string[] {
    const lines = new Set(this.#lines)
    const replaced = new Set([...lines].map((line) => /^(.*): recorded as a directory, is /.exec(line)?.[1]).filter((path) => path !== undefined))
    for (const directory of this.#added) if (!this.#added.has(above(directory))) lines.add(`${pathOf(directory)}: there, and not recorded`)
    for (const directory of this.#missing) {
      if (this.#missing.has(above(directory)) || this.#isUnreadable(directory) || replaced.has(pathOf(directory))) continue
      lines.add(`${pathOf(directory)}: recorded, and not there`)
    }
    return [...lines]
  }

  #isUnreadable(directory: string): boolean {
    for (let path = directory; path !== ''; ) if (this.#unreadable.has((path = above(path)))) return true
    return false
  }
}

function pathOf(key: string): string {
  return textOfBytes(Buffer.from(key, 'latin1'))
}

function above(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')))
}
