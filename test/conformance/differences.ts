// differences - every point in which the subjects are allowed to behave differently, in one table.
//
// docs/SEMANTICS.md refers to the rows by name. A case asks for the row instead of branching on the subject.
import type { Kind } from '../helpers/subject.js'

interface Row<T> {
  why: string
  plain: T
  overlay: T
  'unionfs-cached': T
  'unionfs-passthrough': T
  'unionfs-sealed': T
  'unionfs-override': T
  'unionfs-fuse-native': T
}

function union<T>(why: string, plain: T, overlay: T, unionfs: T, passthrough: T = unionfs, fuseNative: T = unionfs): Row<T> {
  return { why, plain, overlay, 'unionfs-cached': unionfs, 'unionfs-passthrough': passthrough, 'unionfs-sealed': unionfs, 'unionfs-override': unionfs, 'unionfs-fuse-native': fuseNative }
}

export const DIFFERENCES = {
  'rename of a directory that a lower has': union<string | undefined>(
    'a directory cannot be moved without copying it or leaving a redirect behind; the caller gets EXDEV and copies',
    undefined, 'EXDEV', 'EXDEV'),
  'link count of a merged directory': union<number | undefined>(
    'counting subdirectories would mean reading every layer; 1 says "not counted" (undefined: 2 + subdirectories)',
    undefined, 1, 1),
  'rename with WHITEOUT': union<string | undefined>(
    'whiteouts are the union\'s own business; tmpfs and ext4 allow the flag', undefined, 'EINVAL', 'EINVAL'),
  'making a character device 0:0': union<string | undefined>(
    'it would be taken for a whiteout', undefined, 'EPERM', 'EPERM'),
  'old reader after copy-up': union<'new' | 'old' | 'either'>(
    'a descriptor opened before copy-up sees later writes only where the filesystem can change the file behind it; kernels differ in that',
    'new', 'either', 'new', 'old'),
  'lower hard links after copy-up': union<'kept' | 'broken'>(
    'kernel overlayfs keeps them only with index=on', 'kept', 'broken', 'kept'),
  'truncation to the present size': union<'moves' | 'stays'>(
    'with its write-back cache the kernel keeps the times of files itself, and truncate(2) to the present size does not move them there',
    'moves', 'moves', 'stays', 'moves', 'moves'),
  'opening an append-only file for rewriting': union<'refused' | 'accepted'>(
    'without an OPEN request nobody can refuse it; the write-back of anything but an append is refused instead',
    'refused', 'refused', 'accepted', 'refused'),
  'looking up a directory with a redirect': union<'followed' | 'refused'>(
    'redirects are not built yet, and without its moved part the directory would look empty', 'followed', 'followed', 'refused'),
  'link count of an open lower file that was removed': union<number>(
    'kernel overlayfs shows the count of the lower file, which is still there', 0, 1, 0),
  'changing attributes of an open lower directory that was removed': union<'works' | 'refused'>(
    'kernel overlayfs tries to copy up under the name that is gone', 'works', 'refused', 'works'),
  'kernel overlayfs with the mount as a lower': union<'works' | 'refused'>(
    'passthrough counts as a level of stacking, of which the kernel allows two', 'works', 'works', 'works', 'refused'),
} satisfies Record<string, Row<unknown>>

export type Difference = keyof typeof DIFFERENCES
export type Expected<D extends Difference> = (typeof DIFFERENCES)[D]['plain']

export function expectation<D extends Difference>(what: D, kind: Kind): Expected<D> {
  return DIFFERENCES[what][kind]
}
