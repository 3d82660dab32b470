// record_feed.h - the way of records between JavaScript, which keeps them, and the engine, which uses and learns them.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/mount_session.h"

namespace unionfs::binding {

// Adds to the object of a mount: layers, trustLayer, feedRecords, layerFed, prepare, startLearning, takeLearned, recordStats.
void addRecordMethods(Napi::Env env, Napi::Object& object, const std::shared_ptr<MountSession>& session);

}  // namespace unionfs::binding
