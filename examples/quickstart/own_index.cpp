// Whether SensorIndex keeps what a compiler can't see of an IndexEncoder's promises.
#include "sensor_index.hpp"

#include <bobbin/testing/conformance/index_encoder.hpp>

#include <iostream>

int main() {
    // [conformance]
    const auto broken = bobbin::testing::conformance::index_encoder<quickstart::SensorIndex>();
    for (const auto& promise : broken) std::cerr << promise << '\n';
    return broken.empty() ? 0 : 1;
    // [conformance]
}
