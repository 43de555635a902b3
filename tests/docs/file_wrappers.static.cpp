// What docs/policies.md and docs/file-wrappers.md show of the file wrappers.
#include <bobbin/bobbin.hpp>
#include <bobbin/file/auto.hpp>
#include <bobbin/file/background.hpp>
#include <bobbin/file/durable.hpp>
#include <bobbin/file/stream_buffer.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/store/memory.hpp>

#include <cstdio>
#include <ostream>

using namespace bobbin;

namespace docs_file_wrappers {

// [engine]
// Under the engine: the directory's worker is the one who waits, and no thread is made.
using Recorder = Archive<Auto<PosixFile>, MemoryStore>;
// [engine]
static_assert(sizeof(Recorder::Syncer) != 0);

// [alone]
// A file used alone. With a ring, no call outlasts its deadline, whatever the disk does.
Result<void> export_to(int descriptor, ByteView bytes) {
    auto file = PosixFile::adopt(descriptor);
    if (!file) return file.error();
    BackgroundOptions options;
    options.writeback.cap = 64_MiB;
    options.writeback.expected_size = Bytes{bytes.size()};
    options.ring = 8_MiB;
    auto out = Background<PosixFile>::open(std::move(*file), options);
    if (!out) return out.error();
    const auto taken = out->append(bytes);
    if (!taken) return taken.error();
    if (const auto synced = out->sync(); !synced) return synced.error();
    const auto report = out->report();
    std::printf("longest wait %lld ns at %llu\n",
                static_cast<long long>(report.longest_wait.duration.count()),
                static_cast<unsigned long long>(report.longest_wait.offset));
    return out->close();
}
// [alone]

// [stream]
// A writer that knows only streams, and goes back to patch what it wrote first.
Result<void> write_header_last(Writeback<PosixFile>& file) {
    StreamBuffer buffer{file};
    std::ostream out{&buffer};
    out << "size: ????"
        << "the body";
    out.seekp(6);
    out << "0008";
    out.flush();
    return buffer.error() ? Result<void>{*buffer.error()} : Result<void>{};
}
// [stream]

// [durable]
Result<void> save_settings(FileHandle directory, std::string_view text) {
    using namespace std::chrono_literals;
    return durable_replace(PosixFs{}, directory, "settings", as_bytes(text), {.deadline = 10s});
}
// [durable]

}  // namespace docs_file_wrappers
