#include "cli/demo.hpp"

#include "cli/service.hpp"

#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nvr {
namespace {

/// The exit status; the program's output goes nowhere, its complaints to ours.
int run(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw ServiceError{"cannot run ffmpeg; install it (Debian: apt-get install ffmpeg)"};
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

void make_clip(const std::string& path) {
    if (std::filesystem::exists(path)) return;
    const auto draft = path + ".part.mp4";
    const std::string words =
        "drawtext=text='%{n}':fontsize=96:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=16:x=60:y=h-th-60,"
        "drawtext=text='%{pts\\:hms}':fontsize=96:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=16:"
        "x=w-tw-60:y=h-th-60";
    const int status = run({"ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
                            "testsrc2=size=1920x1080:rate=30:duration=20", "-vf", words, "-c:v", "libx264",
                            "-preset", "veryfast", "-b:v", "4M", "-maxrate", "4M", "-bufsize", "4M", "-pix_fmt",
                            "yuv420p", "-profile:v", "high", "-bf", "0", "-g", "30", "-keyint_min", "30",
                            "-sc_threshold", "0", "-movflags", "+faststart", draft});
    if (status != 0) throw ServiceError{"ffmpeg could not make the clip; what it said stands above"};
    std::filesystem::rename(draft, path);
}

std::string make_temporary_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "bobbin-nvr-demo-XXXXXX").string();
    if (!mkdtemp(path.data())) throw ServiceError{"cannot make a temporary directory in " + path};
    return path;
}

}  // namespace nvr
