#include "edge/report/chart.h"
