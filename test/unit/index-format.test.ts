// index-format - the bytes of the path index that TypeScript writes and reads: hashes, keys, entries, golden records.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadAddon } from '../../src/engine/addon.js'
import { decodeEntry, encodeEntry, type LayerEntry } from '../../src/index/entry.js'
import { isSealed } from '../../src/index/seal.js'
import { hashing, hex64, layerKey, pathInKey, placeInKey, placeOf, slotInKey, slotKey, slotRange } from '../../src/index/keys.js'
import { indexLocation } from '../../src/index/location.js'

const facts = { path: '/x', device: '0:57', inode: '12', uuid: '0'.repeat(32), birth: '1700000000.000000001', mtime: '1.0', ctime: '2.0' }
const entry: LayerEntry = { version: 1, path: '/x', slot: '00ff'.repeat(4), complete: true, directories: 1, files: 2, writtenAt: 'then', usedAt: 'now' }

// The same vectors as native/base/xxh64_test.cc: both sides compute one hash.
t.test('xxhash-wasm gives what the native hash gives', async (t) => {
  const hash = await hashing()
  const sample = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 7 + 3) & 0xff))
  t.equal(hex64(hash.h64Raw(sample, 0n)), 'a61f8d4c170fe531')
  t.equal(hex64(hash.h64Raw(sample, 0x9e3779b97f4a7c15n)), 'f6d8f65c625abb4f')
  t.equal(hex64(hash.h64Raw(sample.subarray(0, 33), 0n)), '50a7cfc7ba588784')
})

t.test('the checksum of a record is the xxh64 of what is before it', async (t) => {
  const hash = await hashing()
  const golden = new Map(
    readFileSync(fileURLToPath(new URL('../../../test/golden/dir-record.txt', import.meta.url)), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  )
  for (const hex of golden.values()) {
    const bytes = Buffer.from(hex, 'hex')
    t.equal(hash.h64Raw(bytes.subarray(0, -8), 0n), bytes.readBigUInt64LE(bytes.length - 8))
  }
  const full = loadAddon().describeRecord(Buffer.from(golden.get('full') ?? '', 'hex'))
  t.match(full, { full: true, opaque: true, inode: '1000', mtime: '1700000000.123456789', names: ['alpha', 'alphabet', 'gone', 'link', 'zero'] })
  t.equal(loadAddon().describeRecord(Buffer.from('00', 'hex')), null)
})

t.test('a place is the same for the same root, and another for any other', async (t) => {
  const hash = await hashing()
  const place = placeOf(hash, facts)
  t.match(place, /^[0-9a-f]{32}$/)
  t.equal(placeOf(hash, { ...facts, path: '/elsewhere', mtime: '9.9' }), place)
  for (const other of [{ device: '0:58' }, { inode: '13' }, { birth: '1700000000.000000002' }, { uuid: '1'.repeat(32) }]) t.not(placeOf(hash, { ...facts, ...other }), place)
  const { path, device, inode, uuid, mtime, ctime } = facts
  t.equal(placeOf(hash, { path, device, inode, uuid, mtime, ctime }), undefined)
})

t.test('keys give back what they were made of, and a slot is one range', (t) => {
  const path = Buffer.from([0x75, 0xff, 0x00])
  const slot = 'ff'.repeat(8)
  const key = slotKey('record', slot, path)
  t.same(pathInKey(key), path)
  t.equal(slotInKey(key), slot)
  t.equal(placeInKey(layerKey('ab'.repeat(16))), 'ab'.repeat(16))
  const range = slotRange('record', slot)
  t.ok(Buffer.compare(range.gte, key) <= 0 && Buffer.compare(key, range.lt) < 0)
  t.ok(Buffer.compare(slotKey('contents', slot, path), range.gte) < 0)
  t.end()
})

t.test('an entry that is damaged, or of another version, is none', async (t) => {
  const hash = await hashing()
  const bytes = encodeEntry(hash, entry)
  t.same(decodeEntry(hash, bytes), entry)
  for (let at = 0; at < bytes.length; at++) {
    if (at === 16) continue // the blank between
    const damaged = Buffer.from(bytes)
    damaged[at] = (damaged[at] ?? 0) ^ 1
    t.equal(decodeEntry(hash, damaged), undefined)
  }
  t.equal(decodeEntry(hash, encodeEntry(hash, { ...entry, version: 2 as unknown as 1 })), undefined)
})

t.test('a seal holds while the root is what was sealed', (t) => {
  const sealed = { ...entry, seal: { digest: '', mtime: '1.0', ctime: '2.0', at: '' } }
  t.ok(isSealed(sealed, facts))
  t.notOk(isSealed(sealed, { ...facts, ctime: '2.1' }))
  t.notOk(isSealed(sealed, { ...facts, mtime: '1.1' }))
  t.notOk(isSealed(entry, facts))
  t.end()
})

t.test('the index lies where --index says, else $UNIONFS_INDEX, else in a cache directory', (t) => {
  t.equal(indexLocation('/a', { UNIONFS_INDEX: '/b' }), '/a')
  t.equal(indexLocation(undefined, { UNIONFS_INDEX: '/b' }), '/b')
  t.equal(indexLocation(undefined, { UNIONFS_INDEX: 'none' }), undefined)
  t.equal(indexLocation('none', {}), undefined)
  t.match(indexLocation(undefined, { XDG_CACHE_HOME: '/c' }), process.geteuid?.() === 0 ? /unionfs\/index$/ : '/c/unionfs/index')
  t.end()
})
