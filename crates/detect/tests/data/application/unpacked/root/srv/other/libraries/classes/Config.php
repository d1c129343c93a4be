<?php
namespace Other;
