#ifndef NVR_CATALOG_RECORDER_HPP
#define NVR_CATALOG_RECORDER_HPP

#include "catalog/observer.hpp"
#include "catalog/recording_rows.hpp"

#include <bobbin/archive.hpp>
#include <bobbin/file/auto.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/store/sqlite.hpp>

namespace nvr {

/// What the recorder is made of.
using Recorder = bobbin::Archive<bobbin::Auto<bobbin::PosixFile>, bobbin::VideoIndex, bobbin::SqliteStore,
                                 RecordingRows, RecorderObserver>;

}  // namespace nvr

#endif
