// Turns evidence into a failure where it arises: a refusal, a system error, or bytes that are no reply.
#pragma once

#include <postrider/protocol/classify_error.hpp>
#include <postrider/protocol/classify_reply.hpp>
