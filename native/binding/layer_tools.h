// layer_tools.h - walking layers and comparing records, for the commands that build and verify the path index.
#pragma once

#include <napi.h>

#include "layer/stack.h"

namespace unionfs::binding {

// (path: string): LayerFacts. Throws when the directory cannot be opened.
Napi::Value layerFacts(const Napi::CallbackInfo& info);
// The same of a layer that is open.
Napi::Object factsOf(Napi::Env env, const Layer& layer);
// (path: string, options: {full: boolean, contents: boolean}): NativeWalk
Napi::Value walkLayer(const Napi::CallbackInfo& info);
// (recorded: Buffer, found: Buffer): string[], one sentence for each difference; null when `recorded` is no record.
Napi::Value compareRecords(const Napi::CallbackInfo& info);
// (record: Buffer, sums: Buffer, foundRecord: Buffer, foundSums: Buffer): string[], the same of what files hold; null when
// something is damaged.
Napi::Value compareContents(const Napi::CallbackInfo& info);
// (record: Buffer): RecordSummary | null.
Napi::Value describeRecord(const Napi::CallbackInfo& info);

}  // namespace unionfs::binding
