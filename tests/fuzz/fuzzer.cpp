// One libFuzzer program for each target: BOBBIN_FUZZ_TARGET is its name.
#include "targets.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bobbin_fuzz::BOBBIN_FUZZ_TARGET(std::as_bytes(std::span{data, size}));
    return 0;
}
